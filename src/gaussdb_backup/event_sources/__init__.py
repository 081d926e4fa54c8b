"""The event sources: who asks, one class each."""
