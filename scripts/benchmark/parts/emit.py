def measure(bed, note):
    with bed.ours() as site:
        print(site.inside("ours.open_deliveries"))
        print(site.inside("ours.prepare", ports=[12345,12346]))
        site.inside("ours.pause")
        print(site.inside("ours.emit", count=200, types=["bench.record.changed_0.v1"]))
        print(site.inside("ours.deliveries_by_state"))
    return []
