"""How good it is: metrics and the protocols of the field's benchmarks."""
