package bailiwick

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is the longest line of code and documents; a tab counts as four.
const maxColumns = 100

// TestLinesAreShort holds Go and Markdown to maxColumns. Tables and what cannot be broken, such as
// an address, are left alone.
func TestLinesAreShort(t *testing.T) {
	eachFile(t, func(path, text string) {
		for n, line := range strings.Split(text, "\n") {
			wide := strings.ReplaceAll(line, "\t", "    ")
			if utf8.RuneCountInString(wide) <= maxColumns ||
				strings.HasSuffix(path, ".md") && strings.HasPrefix(line, "|") ||
				!strings.Contains(strings.TrimSpace(strings.TrimLeft(line, "\t /")), " ") {
				continue
			}
			t.Errorf("%s:%d: more than %d columns", path, n+1, maxColumns)
		}
	})
}

// TestDocCommentsBeginWithTheIdentifier holds doc comments to Go's form: a sentence that starts
// with what it is about. What is exported has one.
func TestDocCommentsBeginWithTheIdentifier(t *testing.T) {
	eachDeclaration(t, func(pos token.Position, names []string, doc *ast.CommentGroup) {
		text := strings.TrimSpace(doc.Text())
		if text == "" {
			if ast.IsExported(names[0]) {
				t.Errorf("%s: %s has no doc comment", pos, names[0])
			}
			return
		}
		for _, article := range []string{"A ", "An ", "The "} {
			text = strings.TrimPrefix(text, article)
		}
		first, _, _ := strings.Cut(text, " ")
		first = strings.TrimRight(first, ",:;.'s")
		for _, n := range names {
			if first == n || first == strings.TrimRight(n, "s") {
				return
			}
		}
		t.Errorf("%s: the comment does not begin with %s", pos, names[0])
	})
}

// TestGlossaryWordsToAvoid holds comments and documents to the field's words.
func TestGlossaryWordsToAvoid(t *testing.T) {
	avoid := wordsToAvoid(t)
	eachFile(t, func(path, text string) {
		if path == "docs/glossary.md" {
			return
		}
		for n, line := range strings.Split(text, "\n") {
			prose := line
			if strings.HasSuffix(path, ".go") {
				_, prose, _ = strings.Cut(line, "//")
			}
			if m := avoid.FindString(prose); m != "" {
				t.Errorf("%s:%d: %q is a word to avoid (docs/glossary.md)", path, n+1, m)
			}
		}
	})
}

// wordsToAvoid reads the second table of the glossary.
func wordsToAvoid(t *testing.T) *regexp.Regexp {
	f, err := os.Open("docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var words []string
	in := false
	for s := bufio.NewScanner(f); s.Scan(); {
		in = in || s.Text() == "## Words to avoid"
		if word, ok := strings.CutPrefix(s.Text(), "| `"); in && ok {
			word, _, _ = strings.Cut(word, "`")
			words = append(words, regexp.QuoteMeta(word))
		}
	}
	if len(words) == 0 {
		t.Fatal("no words to avoid in the glossary")
	}
	return regexp.MustCompile(`(?i)\b(` + strings.Join(words, "|") + `)\b`)
}

// TestExportedIsUsedElsewhere finds what a package exports and no other package uses, tests in a
// package of their own included. Types that another exported declaration is made of, and the values
// of exported enumerations, may be there for completeness. The library at the root is for other
// programs, and TestLibrarySurface lists what it exports.
func TestExportedIsUsedElsewhere(t *testing.T) {
	used := map[string]bool{} // package path and identifier
	eachGoFile(t, func(path string, fset *token.FileSet, f *ast.File) {
		imports := map[string]string{}
		for _, i := range f.Imports {
			if p, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "bailiwick/"); ok {
				name := filepath.Base(p)
				if i.Name != nil {
					name = i.Name.Name
				}
				imports[name] = p
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && imports[x.Name] != "" {
					used[imports[x.Name]+"."+s.Sel.Name] = true
				}
			}
			return true
		})
		if !strings.HasSuffix(path, "_test.go") {
			for _, d := range f.Decls {
				markMentioned(used, filepath.ToSlash(filepath.Dir(path)), d)
			}
		}
	})
	eachGoFile(t, func(path string, fset *token.FileSet, f *ast.File) {
		pkg := filepath.ToSlash(filepath.Dir(path))
		if f.Name.Name == "main" || pkg == "." || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, d := range f.Decls {
			for _, name := range exportedOf(d) {
				if !used[pkg+"."+name.Name] {
					t.Errorf("%s: %s.%s is used by no other package",
						fset.Position(name.Pos()), pkg, name.Name)
				}
			}
		}
	})
}

// markMentioned marks the identifiers that the types of an exported declaration mention.
func markMentioned(used map[string]bool, pkg string, d ast.Decl) {
	mark := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.IsExported() {
				used[pkg+"."+id.Name] = true
			}
			return true
		})
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() {
			mark(d.Type)
		}
	case *ast.GenDecl:
		enum := false
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					mark(s.Type)
				}
			case *ast.ValueSpec:
				if id, ok := s.Type.(*ast.Ident); ok && d.Tok == token.CONST {
					enum = id.IsExported()
				}
				if s.Type != nil {
					mark(s.Type)
				}
				for _, n := range s.Names {
					if enum && n.IsExported() {
						used[pkg+"."+n.Name] = true
					}
				}
			}
		}
	}
}

// exportedOf returns the exported identifiers that a declaration adds to its package, without
// methods and fields.
func exportedOf(d ast.Decl) (out []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			out = append(out, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					out = append(out, s.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						out = append(out, n)
					}
				}
			}
		}
	}
	return out
}

// eachDeclaration visits the top-level declarations of product code: their place, the names that
// they declare, and their doc comment.
func eachDeclaration(t *testing.T, visit func(token.Position, []string, *ast.CommentGroup)) {
	eachGoFile(t, func(path string, fset *token.FileSet, f *ast.File) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc != nil || !speaksForItself(d) {
					visit(fset.Position(d.Pos()), []string{d.Name.Name}, d.Doc)
				}
			case *ast.GenDecl:
				if d.Tok == token.IMPORT || d.Lparen.IsValid() {
					continue // a group has a heading of its own
				}
				for _, s := range d.Specs {
					var names []string
					switch s := s.(type) {
					case *ast.TypeSpec:
						names = []string{s.Name.Name}
					case *ast.ValueSpec:
						for _, n := range s.Names {
							names = append(names, n.Name)
						}
					}
					visit(fset.Position(d.Pos()), names, d.Doc)
				}
			}
		}
	})
}

// speaksForItself reports whether a method needs no comment: those of types that no other package
// sees, and those that every Go reader knows.
func speaksForItself(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if i, ok := t.(*ast.IndexExpr); ok {
		t = i.X
	}
	id, ok := t.(*ast.Ident)
	return ok && !id.IsExported() || d.Name.Name == "String" || d.Name.Name == "Error"
}

// eachGoFile parses the Go files of the repository.
func eachGoFile(t *testing.T, visit func(path string, fset *token.FileSet, f *ast.File)) {
	eachFile(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		visit(path, fset, f)
	})
}

// eachFile reads the Go files and the documents of the repository.
func eachFile(t *testing.T, visit func(path, text string)) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." &&
			(d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(path), string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
