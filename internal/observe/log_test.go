package observe

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// What is always logged is so at every level, in the form that the log has then; other lines of the
// same log go by the level.
func TestAlwaysIsLogged(t *testing.T) {
	var b bytes.Buffer
	log := NewLog(Config{Level: slog.LevelError}, &b)
	audit := Always(log)
	log.Info("left out")
	audit.Info("kept")
	ChangeLog(log, Config{Level: slog.LevelError, Format: JSON})
	audit.With("a", 1).Info("kept as JSON")
	got := b.String()
	if strings.Contains(got, "left out") || !strings.Contains(got, "msg=kept\n") ||
		!strings.Contains(got, `"msg":"kept as JSON","a":1`) {
		t.Errorf("got\n%s", got)
	}
}
