"""The Docker Engine: finds one that answers, installs and starts one where none does, labels what runs create."""
