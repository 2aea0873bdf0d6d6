// What the program does before it does anything.

package bailiwick

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// atFirstUse are packages whose values are made at their first use: the program initialises all of
// its packages twice before it serves, and hardly any of these is needed then.
var atFirstUse = map[string]bool{"regexp": true, "template": true}

// Regular expressions and templates of the program are read when they are first used, and all of
// them can be.
func TestNothingIsCompiledAtStart(t *testing.T) {
	patterns := 0
	eachGoFile(t, func(path string, fset *token.FileSet, f *ast.File) {
		if strings.HasSuffix(path, "_test.go") || f.Name.Name == "pattern" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !is(call, "pattern", "New") {
				return true
			}
			patterns++
			if _, err := regexp.Compile(textOf(call.Args[0])); err != nil {
				t.Errorf("%v: %v", fset.Position(call.Pos()), err)
			}
			return true
		})
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR || strings.HasPrefix(path, "internal/mutate/") ||
				strings.HasPrefix(path, "bench/") { // programs of their own
				continue
			}
			ast.Inspect(g, func(n ast.Node) bool {
				if _, later := n.(*ast.FuncLit); later {
					return false
				}
				if call, ok := n.(*ast.CallExpr); ok {
					for pkg := range atFirstUse {
						if is(call, pkg, "Must") || is(call, pkg, "MustCompile") {
							t.Errorf("%v: made at the start of every process: use "+
								"internal/pattern, or sync.OnceValue", fset.Position(call.Pos()))
						}
					}
				}
				return true
			})
		}
	})
	if patterns < 10 {
		t.Errorf("%d patterns were found", patterns)
	}
}

// is reports whether a call is of a function of a package.
func is(call *ast.CallExpr, pkg, function string) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != function {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// textOf returns the text of a literal, or of several that are added.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return text
		}
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	}
	return "(" // which is no pattern
}
