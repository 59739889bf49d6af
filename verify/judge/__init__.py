"""The judge: pure functions from contract and observation to findings and verdicts."""
