"""The test suite: unit/ (mirrors app, no HTTP), api/ (over HTTP only), architecture/ and support/ (what they use)."""
