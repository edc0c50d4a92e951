"""The tests, one folder a package; a package themselves, so that no test folder can shadow what it tests."""
