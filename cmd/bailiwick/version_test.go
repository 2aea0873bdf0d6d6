package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The linker drops methods that nothing calls. It keeps all of them where a template might name
// one; then a third of the program, which is resident as a whole, is for nobody.
func TestProgramHasNoTemplates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bailiwick")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(program, []byte("main.versionText")) {
		t.Fatal("the program does not have the names of its functions")
	}
	if bytes.Contains(program, []byte("text/template.(*state).evalField")) {
		t.Error("the program executes templates: go build -ldflags=-dumpdep tells for whom")
	}
}
