package explain

// Limits of a report, which zones and servers have a part in.
const (
	// maxEvents is how many events are collected: a name with its whole chain of trust causes some
	// hundreds, and none that keeps to the budgets of a query as many as this.
	maxEvents = 16384
	// maxZones is how many zones a report has: every step of the longest alias chain with four
	// zones above its data.
	maxZones = 64
	// maxSteps is how many names of an alias chain a report has: one more than are followed.
	maxSteps = 16
	// maxRecords is how many records, keys, signatures or denial records of one set a report has.
	maxRecords = 32
	// maxExchanges is how many exchanges a report has, the first ones.
	maxExchanges = 512
	// maxTypesTold is how many types of a bitmap a sentence has.
	maxTypesTold = 12
	// maxIterations is how many NSEC3 iterations are computed for a sentence: as many as a
	// validator may compute.
	maxIterations = 150
)
