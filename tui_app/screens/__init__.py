"""The dashboard's screens: each puts widgets in their places and hands them what lies on the desk."""
