// What is wrong or dangerous in a configuration, and where it stands.

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Finding is something in a configuration that is wrong, or lawful and dangerous.
type Finding struct {
	File         string // "" without a file
	Line, Column int    // 0 if it is about no place in the file
	Text         string
	Warning      bool // serve goes on all the same
	// Alarm is for an error that must not end a server that people depend on: serve goes on and
	// logs it under this message. Everybody else refuses it.
	Alarm string
	order int // of its file among those that were read
}

func (f *Finding) Error() string {
	text := f.Text
	if f.Warning {
		text = "warning: " + text
	}
	if place := f.Place(); place != "" {
		return place + ": " + text
	}
	return text
}

// Place is where it stands, as editors read it; "" if there is no file.
func (f *Finding) Place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Findings are all of them, in the order of the file.
type Findings []*Finding

// Sorted returns them in the order of the files; what has no place comes last.
func (f Findings) Sorted() Findings {
	last := func(line int) int { return cmp.Or(line, 1<<30) }
	return slices.SortedStableFunc(slices.Values(f), func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(last(min(a.Line, 1)), last(min(b.Line, 1))),
			cmp.Compare(a.order, b.order), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column))
	})
}

// Warnings returns those that serve goes on with.
func (f Findings) Warnings() (w Findings) {
	for _, x := range f {
		if x.Warning {
			w = append(w, x)
		}
	}
	return w
}

// Errors returns those that serve refuses.
func (f Findings) Errors() (e Findings) {
	for _, x := range f {
		if !x.Warning {
			e = append(e, x)
		}
	}
	return e
}

// Err joins the errors; nil without any.
func (f Findings) Err() error {
	var errs []error
	for _, x := range f.Errors() {
		errs = append(errs, x)
	}
	return errors.Join(errs...)
}

// place is a line and a column of a file, by its place among those that were read.
type place struct{ file, line, column int }

// places are where keys, their items and the items' fields stand: resolver.forward_zones,
// resolver.forward_zones[1], resolver.forward_zones[1].addresses,
// resolver.forward_zones[1].addresses[0].
type places map[string]place

// note records where a node stands and all that it holds.
func (p places) note(name string, file int, n ast.Node) {
	pos := n.GetToken().Position
	p[name] = place{file, pos.Line, pos.Column}
	if s, ok := n.(*ast.SequenceNode); ok {
		for i, v := range s.Values {
			p.note(Item(name, i), file, v)
		}
		return
	}
	if values, ok := mapping(n); ok {
		for _, v := range values {
			p.note(name+"."+scalar(v.Key), file, v.Value)
		}
	}
}

// forget takes out a key with all that it holds.
func (p places) forget(key string) {
	for name := range p {
		if rest, ok := strings.CutPrefix(name, key); ok && strings.Trim(rest[:min(1, len(rest))],
			".[") == "" {
			delete(p, name)
		}
	}
}

// of is the place of what a name stands for, or of the nearest thing around it that is in the file.
func (p places) of(name string) place {
	for name != "" {
		if at, ok := p[name]; ok {
			return at
		}
		name = name[:max(strings.LastIndexAny(name, ".["), 0)]
	}
	return place{}
}

// Item names an item of a list.
func Item(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// Error is a finding about a key, an item or a field: resolver.forward_zones[0].tls_ca.
func (c *Config) Error(name, format string, args ...any) *Finding {
	return c.finding(c.places.of(name), format, args...)
}

// finding is a finding at a place.
func (c *Config) finding(at place, format string, args ...any) *Finding {
	f := &Finding{File: c.File(), Line: at.line, Column: at.column,
		Text: fmt.Sprintf(format, args...), order: at.file}
	if at.line > 0 {
		f.File = c.files[at.file]
	}
	return f
}

// Warning is a finding that serve goes on with.
func (c *Config) Warning(name, format string, args ...any) *Finding {
	f := c.Error(name, format, args...)
	f.Warning = true
	return f
}

// Given reports whether the file gives the key a value.
func (c *Config) Given(key string) bool { _, ok := c.places[key]; return ok }

// File is the file that the configuration comes from, "" if it is the default. It may include
// others.
func (c *Config) File() string {
	if len(c.files) == 0 {
		return ""
	}
	return c.files[0]
}

// partError is an error in a part of a key's value: "[1].addresses".
type partError struct {
	part string
	err  error
}

func (e *partError) Error() string { return e.err.Error() }

// inItem says which item of a list an error is in, inField which field of a record.
func inItem(i int, err error) error { return within("["+strconv.Itoa(i)+"]", err) }

func inField(name string, err error) error { return within("."+name, err) }

// within puts a part around the parts of an error, each of them if it is several.
func within(part string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range flatten(err) {
		errs = append(errs, &partError{part + e.part, e.err})
	}
	return errors.Join(errs...)
}

// flatten takes joined errors apart.
func flatten(err error) (out []*partError) {
	switch e := err.(type) {
	case nil:
		return nil
	case *partError:
		return []*partError{e}
	case interface{ Unwrap() []error }:
		for _, x := range e.Unwrap() {
			out = append(out, flatten(x)...)
		}
		return out
	}
	return []*partError{{"", err}}
}

// ErrorsOf returns the parts of a joined error, or the error alone; nothing for nil.
func ErrorsOf(err error) []error {
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several.Unwrap()
	}
	return []error{err}
}
