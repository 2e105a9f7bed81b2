"""Number series: issued numbers without gap or duplicate, and the proof of it."""
