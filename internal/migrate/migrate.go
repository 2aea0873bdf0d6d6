// Package migrate converts configurations of other resolvers. What it cannot carry over it lists,
// each with file and line, what it meant, and the nearest key: nothing is guessed, nothing is
// dropped in silence.
package migrate

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/config"
	"bailiwick/internal/pattern"
)

// Check finds what is wrong with a configuration, as `bailiwick config check` does.
type Check func(text []byte) config.Findings

// Result is a conversion.
type Result struct {
	Text string // a configuration that Check finds no error in
	// Lost reports whether something was left out that changes answers or who may ask.
	Lost bool
}

// program is a resolver whose files are converted.
type program struct {
	name    string
	is      func(text string) bool // reports whether a file looks like its own
	convert func(path string, b *builder) error
	differs []string // what differs for clients if neither file says anything
}

// programs are told from a file's content in this order: words that begin a clause of Unbound are
// those of sections of others.
var programs = []program{
	{"bind", isBIND, convertBIND, bindDiffers},
	{"pdns-recursor", isPDNS, convertPDNS, pdnsDiffers},
	{"knot-resolver", isKnot, convertKnot, knotDiffers},
	{"dnsmasq", isDnsmasq, convertDnsmasq, dnsmasqDiffers},
	{"unbound", isUnbound, convertUnbound, unboundDiffers},
}

// Programs are the names of the programs whose files are converted.
func Programs() (names []string) {
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}

// hyphened is a key of words with hyphens, as other programs have them.
var hyphened = pattern.New(`(?m)^\s*([a-z0-9]+(?:-[a-z0-9]+)+)\s*[:=]`)

// foreign reports whether a text has keys with hyphens as files of other programs do, and not one
// of ours: who writes that may give one name of two words to a view, and write keys of ours so.
func foreign(text string) bool {
	var ours, theirs []string
	for _, k := range config.Keys() {
		ours = append(ours, strings.ReplaceAll(k[strings.LastIndexByte(k, '.')+1:], "_", "-"))
	}
	for _, m := range hyphened.Get().FindAllStringSubmatch(text, -1) {
		if !slices.Contains(ours, m[1]) && !slices.Contains(theirs, m[1]) {
			theirs = append(theirs, m[1])
		}
	}
	return len(theirs) > 1
}

// Whose returns the name of the program whose file it seems to be; "" if it may be a Bailiwick's.
func Whose(path string) string {
	text, err := readFile(path, maxTotal)
	if err != nil {
		return ""
	}
	for _, p := range programs {
		if p.is(text) && (foreign(text) || isBIND(text) || isPDNS(text) ||
			knotCall.In(text)) {
			return p.name
		}
	}
	return ""
}

// errUnknown is that of a file that no program's looks like.
var errUnknown = errors.New("whose file this is cannot be told from its content; say it with " +
	"--from")

// Convert converts a file and those that it includes. Without the name of a program it is told from
// the content.
func Convert(path, from string, check Check) (Result, error) {
	first, err := readFile(path, maxTotal)
	if err != nil {
		return Result{}, err
	}
	i := slices.IndexFunc(programs, func(p program) bool {
		return p.name == from || from == "" && p.is(first)
	})
	if i < 0 {
		if from == "" {
			return Result{}, fmt.Errorf("%s: %w", path, errUnknown)
		}
		return Result{}, fmt.Errorf("there is no program %q; there are %s", from,
			strings.Join(Programs(), ", "))
	}
	b := &builder{values: map[string][]item{}, added: map[string]bool{}}
	if err := programs[i].convert(path, b); err != nil {
		return Result{}, err
	}
	if err := b.settle(check); err != nil {
		return Result{}, fmt.Errorf("%s cannot be converted: %w", path, err)
	}
	head := fmt.Sprintf("# Converted from %s of %s by `bailiwick import`.\n",
		oneLine(filepath.Base(path)),
		programs[i].name)
	return Result{b.render(head, programs[i].differs), b.lost()}, nil
}
