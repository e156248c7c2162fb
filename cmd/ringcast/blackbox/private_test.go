package blackbox

// noPrivate waits until no client of the instance is sent ids of its own.
func (in *instance) noPrivate() { in.privateAtMost(0) }

// privateAtMost is noPrivate while so many clients do not read.
func (in *instance) privateAtMost(most float64) {
	in.t.Helper()
	eventually(in.t, patience, func() bool {
		return in.metric(`ringcast_clients{state="replay"}`)+in.metric(`ringcast_clients{state="private"}`)+in.metric(`ringcast_clients{state="waiting"}`) <= most
	}, func() string { return "clients stay in replay, private, or waiting" })
}
