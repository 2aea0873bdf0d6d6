// Files that a configuration includes.

package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// includeKey names the files whose values a file builds on: those of later ones take the place of
// those of earlier ones, and the file's own take the place of all. A value is replaced as a whole,
// lists too: nobody has to know all files to see what a list holds.
const includeKey = "include"

const includeHelp = "files, or patterns such as conf.d/*.yaml, whose values this file builds on: " +
	"its own take their place, and those of later files that of earlier ones"

// include reads the files that a file includes.
func (p *reader) include(n ast.Node) {
	values, _ := mapping(n)
	i := slices.IndexFunc(values, func(v *ast.MappingValueNode) bool {
		return scalar(v.Key) == includeKey
	})
	if i < 0 {
		return
	}
	switch v := values[i].Value.(type) {
	case *ast.NullNode:
	case *ast.SequenceNode:
		for _, item := range v.Values {
			p.includeItem(item)
		}
	default:
		p.includeItem(v)
	}
}

// includeItem reads a file, or those that a pattern matches, in the order of their names.
func (p *reader) includeItem(n ast.Node) {
	pattern, err := plainValue(n)
	if err != nil || pattern == "" {
		p.find(n, "include wants a file, a pattern such as conf.d/*.yaml, or a list of such")
		return
	}
	path := filepath.Clean(pattern)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.c.files[p.file]), path)
	}
	p.c.name(includeKey, path)
	names := []string{path}
	if strings.ContainsAny(pattern, "*?[") {
		if names, err = filepath.Glob(path); err != nil {
			p.find(n, "include: %q: %v", pattern, err)
			return
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p.includeFile(n, name)
	}
}

// includeFile reads a file that another one names.
func (p *reader) includeFile(n ast.Node, name string) {
	switch {
	case slices.Contains(p.open, name):
		p.find(n, "include: %s would include itself", name)
		return
	case len(p.open) == maxDepth:
		p.find(n, "include: %s: more than %d files include each other", name, maxDepth)
		return
	case len(p.c.files) == maxIncluded:
		p.find(n, "include: %s: more than %d files", name, maxIncluded)
		return
	}
	content, err := ReadRegular(name, maxOctets,
		fmt.Errorf("%s has more than %d MiB", name, maxOctets>>20))
	if err != nil {
		p.find(n, "include: %v", err)
		return
	}
	p.read(name, content)
}
