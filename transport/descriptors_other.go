//go:build !unix

package transport

// DescriptorLimit is how many descriptors the process may have open, 0 if that is not known.
func DescriptorLimit() int { return 0 }
