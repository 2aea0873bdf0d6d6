package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/console"
)

// speaksOfCtl reports whether a text names a command of ctl or one of its flags: who reads it
// through the API has neither.
func speaksOfCtl(text string) bool {
	return strings.Contains(" "+text, " --") || strings.Contains(" "+text, " ctl ")
}

// What an operation says of itself fits ctl and the API.
func TestTextsOfOperationsFitBoth(t *testing.T) {
	for _, o := range operations() {
		texts := []string{o.Short, o.Long}
		for _, p := range o.Params {
			texts = append(texts, p.Help)
		}
		for _, fields := range [][]console.Field{o.Fields, o.Rows} {
			for _, f := range fields {
				texts = append(texts, f.Help)
			}
		}
		for _, text := range texts {
			if speaksOfCtl(text) {
				t.Errorf("%s: %q", o.Name, text)
			}
		}
	}
}

// What an operation returns, errors included, fits both, too.
func TestResultsOfOperationsFitBoth(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !answersRequests(f) {
				continue
			}
			methods++
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING &&
					speaksOfCtl(strings.Trim(l.Value, "\"`")) {
					t.Errorf("%s: %s: %s", name, f.Name.Name, l.Value)
				}
				return true
			})
		}
	}
	if methods < len(operations())/2 {
		t.Errorf("%d methods were looked at, and there are %d operations", methods,
			len(operations()))
	}
}

// answersRequests reports whether a function is a method of running that is an operation.
func answersRequests(f *ast.FuncDecl) bool {
	if f.Recv == nil || f.Type.Results == nil || len(f.Type.Results.List) == 0 {
		return false
	}
	s, ok := f.Type.Results.List[0].Type.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Result"
}
