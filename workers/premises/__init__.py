"""The premise room: corpus, selectors, FAISS index."""
