package cause

// Limits of EXTRA-TEXT, in octets: zones choose the names in it.
const (
	// maxExtra is the largest EXTRA-TEXT of an option: it is to be short, so that answers are not
	// truncated (RFC 8914, section 2).
	maxExtra = 96
	// minShort is the shortest form of a shortened name, which consists of both ends of the name:
	// then zone, server and owner leave room for the rest of the detail.
	minShort = 14
)
