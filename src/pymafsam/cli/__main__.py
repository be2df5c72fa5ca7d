from pymafsam.cli.program import program

program()
