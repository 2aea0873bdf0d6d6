package main

import "time"

// Limits of explaining, which anybody with a token may ask for.
const (
	// maxExplained is how many names are explained at once: each resolves its chain of trust.
	maxExplained = 4
	// explainTime is how long one may take: the resolution, and questions for keys of zones whose
	// servers do not answer, within the time of an operation.
	explainTime = 30 * time.Second
)

// maxCell is how many characters of a value are printed in a column of a table for people whose
// long values are cut; `--json` has all of them.
const maxCell = 40

// maxAliases is how many aliases in a row are followed to the name of a record for an authority.
const maxAliases = 8
