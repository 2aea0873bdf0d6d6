// Package pattern has regular expressions that are compiled when they are first used: the program
// has many that no server ever uses, and it initialises its packages twice at each start.
package pattern

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression; see [New].
type Pattern struct{ compiled func() *regexp.Regexp }

// New returns the pattern of a text in the form of package regexp. A text that is not one panics
// when it is first used; a test of the whole program compiles all of them.
func New(text string) Pattern {
	return Pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// Get returns the expression.
func (p Pattern) Get() *regexp.Regexp { return p.compiled() }

// In reports whether the pattern is in a text.
func (p Pattern) In(text string) bool { return p.compiled().MatchString(text) }
