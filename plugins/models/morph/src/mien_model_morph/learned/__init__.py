"""What is learned beside photographs, until a recognizer sees who is drawn: the models `likeness` and `identities`."""
