// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with what is seen when one is met. What only tunes the speed, such as the size of a
// buffer that is used again, stands where it is used.

package wire

// Limits of the protocol, and of what this package reads.
const (
	MaxNameLen    = 255   // octets of a name in wire form, per name (RFC 1035, section 3.1)
	maxLabelLen   = 63    // octets of a label (RFC 1035, section 3.1)
	MaxLabels     = 127   // labels of a name without the root; follows from MaxNameLen
	MaxMessageLen = 65535 // octets of a message (RFC 1035, section 4.2.2)
	HeaderLen     = 12    // octets of a header (RFC 1035, section 4.1.1)

	// maxEDNSOptions is the number of options of an OPT record that are read, per message; a
	// message with more is malformed (CVE-2026-41292: parsing cost grew with the list).
	maxEDNSOptions = 32

	// maxPointers is the number of compression pointers that are followed, per name: one for each
	// label that a name can have. Only pointers to pointers take more, and no server writes those
	// (RFC 1035, section 4.1.4: a pointer leads to a name).
	maxPointers = MaxLabels

	// maxDecompression is the number of steps that decompression may take, per message: pointers
	// followed, and labels read after them; a message with more is malformed. Two for each octet
	// that a message can have: 4,681 PTR records, as many as fit into one, take 5 steps each where
	// their targets share a suffix of three labels, and may take 28. Without it such a message can
	// ask for 127 pointers and 127 labels for each of 9,000 names (CVE-2024-8508 is the same on the
	// way out).
	maxDecompression = 2 * MaxMessageLen

	// maxLinear is the number of sets of a section that are searched one by one; beyond it there is
	// a map (CVE-2024-1737).
	maxLinear = 12

	// maxLinearData is the largest set, in bytes, that is searched record by record for an equal
	// one; beyond it there is a map (CVE-2024-1737: work that is quadratic in the records of a
	// set).
	maxLinearData = 512

	// maxAdoptedSigs is the largest size, in bytes, to which a set's signatures grow by those of
	// other sections; many times what is tried of them.
	maxAdoptedSigs = 4096

	// maxVainCompares is the number of octets of names with equal hashes that are compared without
	// a match while names are compressed, per message; what follows is written out. Only names made
	// to have equal hashes come near it (CVE-2024-8508).
	maxVainCompares = 16384

	// maxSuffixes is the number of names and suffixes of names that compression pointers may lead
	// to, per message, and maxProbes the number of slots of the hash table that are examined for
	// one: later names are written out, which costs octets only (CVE-2024-8508).
	maxSuffixes = 96
	maxProbes   = 8

	// maxAdopt is the largest number of sets of a message in which signatures are looked for in
	// other sections than their set's.
	maxAdopt = 200

	// MinUDPSize is the size that every DNS client takes over UDP without EDNS (RFC 1035, section
	// 2.3.4).
	MinUDPSize = 512
)
