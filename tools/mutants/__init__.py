"""How strong the tests are: small faults in the code, one at a time, have to be found."""
