package migrate

// Limits of the files that are converted, as internal/config has them for its own.
const (
	maxDepth = 8        // files that include each other
	maxFiles = 1000     // files of one configuration
	maxTotal = 16 << 20 // octets of all files together

	maxNesting = 32    // blocks in each other
	maxRecords = 10000 // records of a zone file that become local records
	maxRegions = 2000  // networks of an address match list with those that it names
)
