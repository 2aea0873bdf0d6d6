package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// A testPackage is the files of a package's tests. Of a large package, the compiler needs longer
// for them than for the code: what one test does not need is left out of what it is built of.
type testPackage struct {
	fset  *token.FileSet
	files map[string]*testFile // by path
}

// A testFile is one of its files.
type testFile struct {
	src   string
	file  *ast.File
	units []*unit
}

// A unit is a declaration of a test file: it is kept, or left out, as a whole.
type unit struct {
	ast.Decl
	doc   *ast.CommentGroup
	names []string // what it declares
	of    string   // the type that it is a method of
	uses  []string // what stands in it, wherever that is declared
	acts  bool     // it does something though nothing uses it
}

// testPackages are those of a tree that were read already, by folder.
type testPackages struct {
	mu   sync.Mutex
	read map[string]*testPackage
}

// of returns the test files of a folder.
func (p *testPackages) of(dir string) (*testPackage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.read[dir]; t != nil {
		return t, nil
	}
	t, err := readTests(dir)
	if err != nil {
		return nil, err
	}
	if p.read == nil {
		p.read = map[string]*testPackage{}
	}
	p.read[dir] = t
	return t, nil
}

// readTests parses the test files of a folder.
func readTests(dir string) (*testPackage, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	t := &testPackage{fset: token.NewFileSet(), files: map[string]*testFile{}}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(t.fset, path, src,
			parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		file := &testFile{src: string(src), file: f}
		for _, d := range f.Decls {
			if u := newUnit(d); u != nil {
				file.units = append(file.units, u)
			}
		}
		t.files[path] = file
	}
	return t, nil
}

// newUnit returns what a declaration declares and uses; nothing for imports.
func newUnit(d ast.Decl) *unit {
	u := &unit{Decl: d}
	switch d := d.(type) {
	case *ast.FuncDecl:
		u.doc = d.Doc
		if d.Recv != nil {
			u.of = receiver(d.Recv.List[0].Type)
		} else {
			u.names = []string{d.Name.Name}
			u.acts = d.Name.Name == "init" || d.Name.Name == "TestMain"
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT {
			return nil
		}
		u.doc = d.Doc
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				u.names = append(u.names, s.Name.Name)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					u.names = append(u.names, name.Name)
					u.acts = u.acts || name.Name == "_"
				}
			}
		}
	}
	_, isFunc := d.(*ast.FuncDecl)
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			u.uses = append(u.uses, n.Name)
		case *ast.BasicLit: // a test may start its own binary again for another test
			if n.Kind == token.STRING {
				u.uses = append(u.uses, testName.FindAllString(n.Value, -1)...)
			}
		case *ast.CallExpr: // the value of a variable, such as a flag
			u.acts = u.acts || !isFunc
		}
		return true
	})
	return u
}

// testName is the name of a test that is written within a string.
var testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark|Example)\w+`)

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// lean returns the test files without what one test does not need. Names alone decide: a
// declaration is kept if its name stands in another that is, whatever it means there. What acts
// without being used is kept, too, and so are methods of types that are kept or that the code has.
func (t *testPackage) lean(test string) map[string]string {
	root, _, _ := strings.Cut(test, "/")
	declares := map[string][]*unit{} // what has to be kept for a name's sake
	var keep []*unit
	kept := map[*unit]bool{}
	add := func(u *unit) {
		if !kept[u] {
			kept[u] = true
			keep = append(keep, u)
		}
	}
	methods := map[string][]*unit{}
	for _, f := range t.files {
		for _, u := range f.units {
			for _, name := range u.names {
				declares[name] = append(declares[name], u)
			}
			if u.of != "" {
				methods[u.of] = append(methods[u.of], u)
			}
			if u.acts {
				add(u)
			}
		}
	}
	for of, ms := range methods {
		if declares[of] != nil {
			declares[of] = append(declares[of], ms...)
			continue
		}
		for _, u := range ms {
			add(u)
		}
	}
	for _, u := range declares[root] {
		add(u)
	}
	for i := 0; i < len(keep); i++ {
		for _, name := range keep[i].uses {
			for _, u := range declares[name] {
				add(u)
			}
		}
	}
	texts := map[string]string{}
	for path, f := range t.files {
		texts[path] = f.without(t.fset, kept)
	}
	return texts
}

// without returns a file's text without the declarations that are not kept, and without the
// imports that only those use.
func (f *testFile) without(fset *token.FileSet, kept map[*unit]bool) string {
	text := []byte(f.src)
	blank := func(from, to token.Pos) { // lines stay where they are
		part := text[fset.Position(from).Offset:fset.Position(to).Offset]
		for i, c := range part {
			if c != '\n' {
				part[i] = ' '
			}
		}
	}
	used := map[string]bool{}
	for _, u := range f.units {
		if !kept[u] {
			from := u.Pos()
			if u.doc != nil {
				from = u.doc.Pos()
			}
			blank(from, u.End())
			continue
		}
		for _, name := range u.uses {
			used[name] = true
		}
	}
	for _, d := range f.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			continue
		}
		for _, s := range g.Specs {
			name := importName(s.(*ast.ImportSpec))
			switch {
			case name == "_" || name == "." || used[name]:
			case g.Lparen.IsValid():
				blank(s.Pos(), s.End())
			default:
				blank(g.Pos(), g.End())
			}
		}
	}
	return string(text)
}

// importName returns the name by which a file knows a package that it imports: its own, or what
// the path lets one expect.
func importName(s *ast.ImportSpec) string {
	if s.Name != nil {
		return s.Name.Name
	}
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return "_"
	}
	if version.MatchString(path.Base(p)) && path.Dir(p) != "." {
		p = path.Dir(p)
	}
	return around.ReplaceAllString(path.Base(p), "")
}

var (
	version = regexp.MustCompile(`^v[0-9]+$`)
	around  = regexp.MustCompile(`^go-|[.-]go$|\.v[0-9]+$`)
)
