// Package prometheus has the rules of this directory for programs.
package prometheus

import _ "embed" // the rules are a file of their own

// Rules is bailiwick.rules.yml.
//
//go:embed bailiwick.rules.yml
var Rules string
