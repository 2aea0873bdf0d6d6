package config

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"bailiwick/internal/aside"
)

// A long list is read in pieces: clients are answered while a configuration is reloaded.
func TestListsAreReadInPieces(t *testing.T) {
	text := strings.Repeat("- a.example A 192.0.2.1\n", 300)
	for what, read := range map[string]func(ast.Node){
		"its values":                   func(n ast.Node) { _, _ = stringList(n, plainValue) },
		"variables of the environment": func(n ast.Node) { new(reader).expand(n) },
	} {
		f, err := parser.ParseBytes([]byte(text), 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			aside.InPieces(func() {
				time.Sleep(time.Millisecond)
				read(f.Docs[0].Body)
			})
			if took := time.Since(begun); took != 3*time.Millisecond {
				t.Errorf("%s: it takes %v", what, took)
			}
		})
	}
}
