package wire

// Limits of the protocol and of what this package is ready to read.
const (
	MaxNameLen    = 255   // octets of a name in wire form, per name (RFC 1035, section 3.1)
	MaxLabelLen   = 63    // octets of a label (RFC 1035, section 3.1)
	MaxLabels     = 127   // labels of a name without the root; follows from MaxNameLen
	MaxMessageLen = 65535 // octets of a message (RFC 1035, section 4.2.2)
	HeaderLen     = 12    // octets of a header (RFC 1035, section 4.1.1)

	// MaxEDNSOptions is how many options of one OPT record are looked at, per message; a message with more is malformed
	// (CVE-2026-41292: parsing cost grew with the list).
	MaxEDNSOptions = 32

	// MaxPointers is how many compression pointers are followed, per name: one for each label that a
	// name can have. A name that takes more leads from pointer to pointer, which no server writes
	// (RFC 1035, section 4.1.4 points at names).
	MaxPointers = MaxLabels

	// MaxDecompression is how many steps decompression may take, per message: pointers followed, and
	// labels read behind them; a message with more is malformed. Two for each octet that a message
	// can have: 4,681 PTR records, as many as fit into one, take 5 steps each where their targets
	// share a suffix of three labels, and may take 28. Without it such a message can ask for 127
	// pointers and 127 labels for each of 9,000 names (CVE-2024-8508 is the same on the way out).
	MaxDecompression = 2 * MaxMessageLen

	// maxLinearData is up to which size, in octets, a set is searched record by record for an equal
	// one; beyond it a map tells (CVE-2024-1737: work that is quadratic in the records of a set).
	maxLinearData = 512

	// maxAdoptedSigs is up to which size, in octets, per set, signatures from another section are
	// added to its own; many times what is tried of them.
	maxAdoptedSigs = 4096

	// maxVainCompares is how many octets may be compared in vain while names are compressed, per
	// message; what follows is written out. Only names made to have equal hashes come near it
	// (CVE-2024-8508).
	maxVainCompares = 16384

	// maxAdopt is up to how many sets, per message, signatures are looked for in other sections than their set's.
	maxAdopt = 200

	// MinUDPSize is what every DNS client takes over UDP without EDNS (RFC 1035, section 2.3.4).
	MinUDPSize = 512
)
