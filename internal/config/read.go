// Reading the files of a configuration: every finding with its file, line and column, all at once.

package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Read reads a file over the defaults, and the files that it includes, as far as they can be read,
// with all that is wrong with them.
func Read(path string) (*Config, Findings) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Default(), Findings{{Text: fmt.Sprintf("configuration: %v", err)}}
	}
	return inspect(path, b)
}

// ReadText reads the content of a file as Read does, as if it stood in a file of this name.
func ReadText(name string, content []byte) (*Config, Findings) { return inspect(name, content) }

// inspect reads a file's content as Read does. Paths in it are relative to the folder of the file.
func inspect(name string, content []byte) (*Config, Findings) {
	c := Default()
	p := &reader{c: c, given: map[string]given{}}
	p.read(name, content)
	for i := range keys {
		if g, ok := p.given[keys[i].key]; ok {
			p.set(&keys[i], g)
		}
		if keys[i].key == profileKey.key { // it stands before all others
			c.followProfile()
		}
	}
	c.folder = filepath.Dir(name)
	p.divide()
	p.contradictions()
	return c, p.findings.Sorted()
}

// reader reads files. What is wrong is found, and what can be read is used.
type reader struct {
	c        *Config
	open     []string         // files that are being read: each includes the next
	file     int              // the one that is being read, by its place in c.files
	seen     map[string]bool  // keys that it has given
	given    map[string]given // what stands for a key, of all files that have been read
	findings Findings
}

// given is a value as it stands in a file.
type given struct {
	file int
	node ast.Node
}

// read reads a file: what it includes first, so that its own values take the place of those.
func (p *reader) read(name string, content []byte) {
	before, seen := p.file, p.seen
	p.file, p.seen = len(p.c.files), map[string]bool{}
	p.c.files, p.open = append(p.c.files, name), append(p.open, name)
	defer func() { p.file, p.seen, p.open = before, seen, p.open[:len(p.open)-1] }()
	f, err := parser.ParseBytes(content, 0)
	if err != nil {
		p.findings = append(p.findings, p.syntax(err))
		return
	}
	read := false
	for _, d := range f.Docs {
		switch d.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
			continue
		}
		if read {
			p.find(d.Body, "a second document begins here; a configuration is one: take the line "+
				"--- out")
			break
		}
		read = true
		p.expand(d.Body)
		p.include(d.Body)
		p.walk("", d.Body)
	}
}

// syntax is what the YAML parser says, in a line.
func (p *reader) syntax(err error) *Finding {
	f := &Finding{File: p.c.files[p.file], Text: "this is not YAML: " + err.Error(), order: p.file}
	var at interface{ GetToken() *token.Token }
	var says interface{ GetMessage() string }
	if errors.As(err, &at) && at.GetToken() != nil {
		f.Line, f.Column = at.GetToken().Position.Line, at.GetToken().Position.Column
	}
	if errors.As(err, &says) {
		f.Text = "this is not YAML: " + says.GetMessage()
	}
	return f
}

// find notes something about a node of the file that is being read.
func (p *reader) find(n ast.Node, format string, args ...any) {
	pos := n.GetToken().Position
	p.findings = append(p.findings, p.c.finding(place{p.file, pos.Line, pos.Column}, format,
		args...))
}

// walk goes through a mapping. path is that of the mapping, with a dot behind it.
func (p *reader) walk(path string, n ast.Node) {
	switch n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	}
	values, ok := mapping(n)
	if !ok {
		p.find(n, "%s wants keys below it", cmp.Or(strings.TrimSuffix(path, "."),
			"a configuration"))
		return
	}
	for _, v := range values {
		name := path + scalar(v.Key)
		if k := lookUp(name); k != nil {
			p.give(k, v.Value)
		} else if section(name) {
			pos := v.Key.GetToken().Position
			p.c.places[name] = place{p.file, pos.Line, pos.Column}
			p.walk(name+".", v.Value)
		} else if name != includeKey {
			p.find(v.Key, "unknown key %s%s", name, suggest(name))
		}
	}
}

// mapping returns the entries of a mapping; the parser makes another node of one with a single
// entry.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// give notes the value of a key. It takes the place of one in another file, whose form has to be
// right all the same.
func (p *reader) give(k *key, n ast.Node) {
	if p.seen[k.key] {
		p.find(n, "%s is set twice", k.key)
		return
	}
	p.seen[k.key] = true
	if before, ok := p.given[k.key]; ok {
		p.c.places.note(k.key, before.file, before.node)
		_, err := k.read(before.node)
		p.report(k, err)
		delete(p.c.bad, k.key) // the value that counts is another one
		p.c.places.forget(k.key)
	}
	p.given[k.key] = given{p.file, n}
}

// set gives a key its value.
func (p *reader) set(k *key, g given) {
	p.c.places.note(k.key, g.file, g.node)
	p.c.folder = filepath.Dir(p.c.files[g.file])
	v, err := k.read(g.node)
	if len(v.list) > 0 || len(v.records) > 0 || err == nil {
		p.c.resolvePaths(k, &v)
		err = errors.Join(err, k.set(p.c, v))
	}
	p.report(k, err)
	if err == nil {
		p.c.text[k.key], p.c.secrets[k.key] = k.render(v), k.secretsOf(v)
	}
}

// report notes what is wrong with a key's value.
func (p *reader) report(k *key, err error) {
	for _, e := range flatten(err) {
		p.c.bad[k.key] = true
		p.findings = append(p.findings, p.c.Error(k.key+e.part, "%s: %v", k.key, e.err))
	}
}

func lookUp(name string) *key {
	for i := range keys {
		if keys[i].key == name {
			return &keys[i]
		}
	}
	return nil
}

// section reports whether keys begin with this name.
func section(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.key, name+".") })
}
