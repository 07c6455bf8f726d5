"""transcoding"""
