"""How each check is decided: pure functions from a case to a ruling."""
