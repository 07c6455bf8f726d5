"""pydicom"""
