"""HTTP: who may ask, what they are told, and one hot route that is answered from prepared bytes."""
