"""What a strategy can use: indicators and membership functions."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ktrdr.api.documented import answers
from ktrdr.fuzzy import memberships
from ktrdr.indicators import catalogue

router = APIRouter(tags=["catalogues"])


@router.get("/indicators", responses=answers("IndicatorsAnswer"))
def indicators() -> JSONResponse:
    """List the indicators with their outputs and parameters."""
    data = [indicator.as_json() for indicator in catalogue.CATALOGUE.values()]
    return JSONResponse({"success": True, "data": data})


@router.get("/indicators/categories", responses=answers("CategoriesAnswer"))
def categories() -> JSONResponse:
    """List the categories with the indicators in each."""
    data = [
        {
            "category": category,
            "description": description,
            "indicators": [kind.type for kind in catalogue.CATALOGUE.values() if kind.category == category],
        }
        for category, description in catalogue.CATEGORIES.items()
    ]
    return JSONResponse({"success": True, "data": data})


@router.get("/fuzzy/membership-functions", responses=answers("MembershipsAnswer"))
def membership_functions() -> JSONResponse:
    """List the membership functions with their parameters."""
    data = [function.as_json() for function in memberships.CATALOGUE.values()]
    return JSONResponse({"success": True, "data": data})
