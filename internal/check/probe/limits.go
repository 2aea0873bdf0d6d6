// Limits of what services send before TLS.

package probe

const (
	// maxLine is the longest line of a service before TLS that is read, in octets, and maxLines
	// how many lines a reply of several may have.
	maxLine  = 1024
	maxLines = 64
)
