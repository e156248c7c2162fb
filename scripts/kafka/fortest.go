package kafka

import "testing"

// ForTest starts a cluster that ends with the test; when the test has failed the nodes' logs are printed.
func ForTest(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.LogTails())
		}
		c.Close()
	})
	return c
}
