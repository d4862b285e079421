"""What a member owns of the stream: what may be started, what has ended, what may be committed."""
