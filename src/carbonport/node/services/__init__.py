"""The gRPC services of a node and the process that serves them. They translate; deciding is the desks' matter."""
