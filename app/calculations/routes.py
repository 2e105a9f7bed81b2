"""/calculate."""

from typing import Any

from app.calculations import service
from app.calculations.schemas import CalculateIn, CalculationOut
from app.http.blueprint import Blueprint
from app.http.guard import requires

bp = Blueprint("calculations", __name__, description="The totals of any document, explained.")


@bp.route("/calculate", methods=("POST",))
@requires(scope="invoices:read", writes=False)
@bp.arguments(CalculateIn)
@bp.response(200, CalculationOut)
def calculate_totals(data: dict[str, Any]) -> dict[str, Any]:
    """Calculate a document's totals and show every step; nothing is stored."""
    return service.calculate(data)
