"""Routes of the service, a file per subject; each is an APIRouter that app.py includes."""
