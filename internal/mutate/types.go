package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// A compiled is a package that mutants edit, as the type checker takes it. Its tests are not in it.
type compiled struct {
	fset   *token.FileSet
	path   string
	files  map[string]*ast.File // by name from the module's folder on
	config types.Config
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles, CgoFiles       []string
	DepOnly                 bool
}

// checkTypes reports the mutants that the compiler refuses, without running it for each: the parts
// would find them with up to twenty commits, and nobody knows which has brought them. Files of
// another language or another system are left out.
func checkTypes(root string, list []*mutant, jobs int) error {
	byPackage := map[string][]*mutant{}
	for _, m := range list {
		if filepath.Ext(m.file) == ".go" {
			dir := "./" + filepath.Dir(m.file)
			byPackage[dir] = append(byPackage[dir], m)
		}
	}
	if len(byPackage) == 0 {
		return nil
	}
	pkgs, exports, err := goList(root, byPackage)
	if err != nil {
		return err
	}
	faults := make([]error, len(pkgs))
	each(len(pkgs), jobs, func(i int) {
		rel, err := filepath.Rel(root, pkgs[i].Dir)
		if err != nil {
			faults[i] = err
			return
		}
		c, err := load(rel, pkgs[i], exports)
		if err != nil {
			faults[i] = err
			return
		}
		for _, m := range byPackage["./"+rel] {
			faults[i] = errors.Join(faults[i], c.check(root, m))
		}
	})
	return errors.Join(faults...)
}

// goList returns the packages of the folders, and where the compiler has left what the packages
// that they import export.
func goList(root string, dirs map[string][]*mutant) (pkgs []listed, exports map[string]string,
	err error) {
	args := []string{"list", "-export", "-deps",
		"-json=ImportPath,Dir,Export,GoFiles,CgoFiles,DepOnly"}
	for dir := range dirs {
		args = append(args, dir)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %w", err)
	}
	exports = map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, exports, nil
		} else if err != nil {
			return nil, nil, fmt.Errorf("go list: %w", err)
		}
		if exports[p.ImportPath] = p.Export; !p.DepOnly && p.CgoFiles == nil {
			pkgs = append(pkgs, p)
		}
	}
}

// load parses a package.
func load(rel string, p listed, exports map[string]string) (*compiled, error) {
	c := &compiled{fset: token.NewFileSet(), path: p.ImportPath, files: map[string]*ast.File{}}
	c.config.Importer = importer.ForCompiler(c.fset, "gc",
		func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(c.fset, filepath.Join(p.Dir, name), nil,
			parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		c.files[filepath.Join(rel, name)] = f
	}
	return c, nil
}

// check reports what the compiler would say of a mutant.
func (c *compiled) check(root string, m *mutant) error {
	if c.files[m.file] == nil { // of another system
		return nil
	}
	src, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return err
	}
	text, err := m.apply(string(src))
	if err != nil {
		return err
	}
	edited, err := parser.ParseFile(c.fset, m.file, text, parser.SkipObjectResolution)
	var files []*ast.File
	for name, f := range c.files {
		if name == m.file {
			f = edited
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *ast.File) int { return int(a.FileStart - b.FileStart) })
	if err == nil {
		_, err = c.config.Check(c.path, c.fset, files, nil)
	}
	if err != nil {
		return fmt.Errorf("%s: mutant %s does not build: %w", m.where, m.name, err)
	}
	return nil
}
