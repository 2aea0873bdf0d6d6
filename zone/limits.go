// Limits: what one zone may take.

package zone

const (
	// MaxOctets is how large the records of a zone may be, in octets of memory. The root has 2.5
	// MB, and the largest zones that resolvers hold beside it some 100 MB.
	MaxOctets = 256 << 20
	// maxGlue is how many name servers of a referral get their addresses beside it; the resolver
	// looks at no more.
	maxGlue = 13
	// maxIterations is how many additional NSEC3 iterations are computed for a denial; beyond it
	// the denial has no proof. RFC 5155, section 10.3, allows no more for keys of any size.
	maxIterations = 2500
)
