package validator

// Limits of what judging may cost. docs/limits.md compares them with those of other resolvers.
const (
	// MaxSignatureChecks is how many signatures a client query and all its children may have verified; results from the
	// cache are free. 32, not 16: an alias chain over three cold zones that ends in an NSEC3 denial takes 25.
	MaxSignatureChecks = 32

	// MaxSignatureFailures is how many of them may fail (KeyTrap, CVE-2023-50387: the attack is made of failures).
	MaxSignatureFailures = 4

	// MaxDigestMismatches is how many DS digests a client query and all its children may compute in vain
	// (KeyTrap's HashTrap).
	MaxDigestMismatches = 4

	// MaxHashBlocks is how many SHA-1 blocks NSEC3 may cost a client query and all its children, salt and iterations
	// counted (CVE-2023-50868). 512, not 64: a proof at the 50 iterations that are accepted takes four to eight hashes of 51
	// blocks each; 512 blocks are about 0.1 ms.
	MaxHashBlocks = 512

	// MaxSignaturesPerSet is how many signatures of one RRset are tried.
	MaxSignaturesPerSet = 8

	// MaxKeysPerTag is how many keys of one tag and algorithm are tried for a signature (KeyTrap's KeySigTrap).
	MaxKeysPerTag = 2

	// MaxNSEC3Records is how many NSEC3 records of one response are looked at; a proof takes at most four.
	MaxNSEC3Records = 8

	// MaxNSEC3Salt is the length of a salt, in octets, that is hashed.
	MaxNSEC3Salt = 64

	// MaxNSEC3Iterations is the default of the iterations that are computed; above it a zone is insecure (RFC 9276, section 3.2).
	MaxNSEC3Iterations = 50

	// MinRSABits and MaxRSABits bound a usable modulus (RFC 3110, section 2; RFC 5702, section 2).
	MinRSABits = 512
	MaxRSABits = 4096

	// MaxRSAExponentBits bounds the public exponent: one of 4096 bits makes a check cost as much as a private operation.
	MaxRSAExponentBits = 32

	// MaxKeyTables is how many keys that verify often have a table, process-wide, at 16 KiB each: more than there are such keys among the top level
	// zones of most clients.
	MaxKeyTables = 128

	// MaxKnownHashes is how many NSEC3 hashes are remembered, process-wide, for zones that iterate; about 200 octets each. They are free of MaxHashBlocks.
	MaxKnownHashes = 4096

	// DefaultSignatureCache is how many verification results are remembered, process-wide; 33 octets each.
	DefaultSignatureCache = 65536
)
