"""The browser app: built from the sources in `app/`, served with exported models."""
