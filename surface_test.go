package bailiwick

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLibrarySurface compares what the library exports with the list of it: no change goes
// unnoticed. Additions are rewritten by -rewrite; what is taken away, or changes, breaks other
// programs.
func TestLibrarySurface(t *testing.T) {
	const path = "docs/reference/library.txt"
	text := surface(t)
	if *rewrite {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != text {
		t.Errorf("%s differs (%v); run go test . -run TestLibrarySurface -rewrite", path, err)
	}
}

// surface returns the exported declarations of this package without comments, sorted.
func surface(t *testing.T) string {
	var decls []string
	eachExported(t, func(fset *token.FileSet, _ map[string]string, d ast.Decl) {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
		var b bytes.Buffer
		c := printer.Config{Mode: printer.UseSpaces, Tabwidth: 4}
		if err := c.Fprint(&b, fset, d); err != nil {
			t.Fatal(err)
		}
		decls = append(decls, b.String())
	})
	slices.Sort(decls)
	return strings.Join(decls, "\n\n") + "\n"
}

// eachExported calls f with each exported declaration of this package, without comments and without
// unexported fields, and the imports of its file by their names.
func eachExported(t *testing.T, f func(*token.FileSet, map[string]string, ast.Decl)) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		imports := map[string]string{}
		for _, i := range file.Imports {
			p := strings.Trim(i.Path.Value, `"`)
			imports[filepath.Base(p)] = p
		}
		ast.FileExports(file)
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
				f(fset, imports, d)
			}
		}
	}
}

// TestLibraryNamesNoOtherPackage holds the library to types of its own and of the standard library:
// what is internal cannot be named by other modules, and a type of another module would tie its
// version to theirs.
func TestLibraryNamesNoOtherPackage(t *testing.T) {
	eachExported(t, func(fset *token.FileSet, imports map[string]string, d ast.Decl) {
		check := func(n ast.Node) {
			ast.Inspect(n, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := s.X.(*ast.Ident)
				if p := imports[x.Name]; ok && (strings.HasPrefix(p, "bailiwick/") ||
					strings.Contains(p, ".")) {
					t.Errorf("%s: %s.%s is exported", fset.Position(s.Pos()), p, s.Sel.Name)
				}
				return true
			})
		}
		switch d := d.(type) {
		case *ast.FuncDecl:
			check(d.Type)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					check(s.Type)
				case *ast.ValueSpec:
					if s.Type != nil {
						check(s.Type)
					}
				}
			}
		}
	})
}

// TestLibraryInAnotherModule builds the program of docs/library.md as a module of its own, with the
// lines that the page has for its go.mod. Those that "go mod tidy" adds are of this module's own,
// without which go asks for the go.mod of versions that nothing is built of.
func TestLibraryInAnotherModule(t *testing.T) {
	page, err := os.ReadFile("docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
		if m == nil {
			t.Fatalf("docs/library.md has no %s", language)
		}
		return string(m[1])
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod := strings.ReplaceAll(block("gomod"), "../bailiwick", root)
	for _, r := range regexp.MustCompile(`(?s)require \(.*?\n\)\n`).FindAllString(string(own), -1) {
		mod += r
	}
	for name, text := range map[string]string{"main.go": block("go"), "go.mod": mod,
		"go.sum": string(sums)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", os.DevNull, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
