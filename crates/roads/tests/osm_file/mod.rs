//! An extract as it is written: protocol buffers in blobs, by
//! [the format's page](https://wiki.openstreetmap.org/wiki/PBF_Format), uncompressed.

/// A node: its id, and latitude and longitude in degrees.
pub(crate) type Node = (i64, f64, f64);
/// A way: the ids of its nodes, and its tags.
pub(crate) type Way<'a> = (&'a [i64], &'a [(&'a str, &'a str)]);
/// A relation: its tags, and its members with what each is: kind (0 a node, 1 a way), id, role.
pub(crate) type Relation<'a> = (&'a [(&'a str, &'a str)], &'a [(u64, i64, &'a str)]);

fn varint(mut number: u64, onto: &mut Vec<u8>) {
    while number >= 0x80 {
        onto.push(number as u8 | 0x80);
        number >>= 7;
    }
    onto.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn bytes(field: u64, content: &[u8], onto: &mut Vec<u8>) {
    varint(field << 3 | 2, onto);
    varint(content.len() as u64, onto);
    onto.extend_from_slice(content);
}

fn number(field: u64, value: u64, onto: &mut Vec<u8>) {
    varint(field << 3, onto);
    varint(value, onto);
}

fn packed(field: u64, values: impl Iterator<Item = u64>, onto: &mut Vec<u8>) {
    let mut content = Vec::new();
    values.for_each(|value| varint(value, &mut content));
    bytes(field, &content, onto);
}

/// Differences to the one before, as the format has it.
fn deltas(values: impl Iterator<Item = i64>) -> impl Iterator<Item = u64> {
    let mut before = 0;
    values.map(move |value| zigzag(value - std::mem::replace(&mut before, value)))
}

fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
    let (mut blob, mut header, mut file) = (Vec::new(), Vec::new(), Vec::new());
    bytes(1, content, &mut blob);
    bytes(1, kind.as_bytes(), &mut header);
    number(3, blob.len() as u64, &mut header);
    file.extend((header.len() as u32).to_be_bytes());
    file.extend(header);
    file.extend(blob);
    file
}

/// A file of some nodes (densely written, but for the first, which stands for itself), some ways, whose ids count from 1,
/// and some relations.
pub(crate) fn extract(nodes: &[Node], ways: &[Way<'_>], relations: &[Relation<'_>]) -> Vec<u8> {
    let mut strings = vec![""];
    let mut text = |text| {
        let known = strings.iter().position(|it| *it == text);
        known.unwrap_or_else(|| {
            strings.push(text);
            strings.len() - 1
        }) as u64
    };
    // Units of 100 nanodegrees, as is usual.
    let units = |degrees: f64| (degrees * 1e7).round() as i64;
    let (mut plain, mut dense, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut groups = Vec::new();
    if let Some((id, lat, lon)) = nodes.first() {
        let mut node = Vec::new();
        number(1, zigzag(*id), &mut node);
        number(8, zigzag(units(*lat)), &mut node);
        number(9, zigzag(units(*lon)), &mut node);
        bytes(1, &node, &mut plain);
        let rest = &nodes[1..];
        let mut group = Vec::new();
        packed(1, deltas(rest.iter().map(|it| it.0)), &mut group);
        packed(8, deltas(rest.iter().map(|it| units(it.1))), &mut group);
        packed(9, deltas(rest.iter().map(|it| units(it.2))), &mut group);
        bytes(2, &group, &mut dense);
    }
    for (id, (refs, tags)) in (1..).zip(ways) {
        let mut way = Vec::new();
        number(1, id, &mut way);
        packed(2, tags.iter().map(|(key, _)| text(key)), &mut way);
        packed(3, tags.iter().map(|(_, value)| text(value)), &mut way);
        packed(8, deltas(refs.iter().copied()), &mut way);
        bytes(3, &way, &mut lines);
    }
    for (id, (tags, members)) in (1..).zip(relations) {
        let mut relation = Vec::new();
        number(1, id, &mut relation);
        packed(2, tags.iter().map(|(key, _)| text(key)), &mut relation);
        packed(3, tags.iter().map(|(_, value)| text(value)), &mut relation);
        packed(8, members.iter().map(|it| text(it.2)), &mut relation);
        packed(9, deltas(members.iter().map(|it| it.1)), &mut relation);
        packed(10, members.iter().map(|it| it.0), &mut relation);
        bytes(4, &relation, &mut groups);
    }
    let (mut table, mut block) = (Vec::new(), Vec::new());
    for string in strings {
        bytes(1, string.as_bytes(), &mut table);
    }
    bytes(1, &table, &mut block);
    for group in [plain, dense, lines, groups] {
        bytes(2, &group, &mut block);
    }
    let mut header = Vec::new();
    for feature in ["OsmSchema-V0.6", "DenseNodes"] {
        bytes(4, feature.as_bytes(), &mut header);
    }
    [blob("OSMHeader", &header), blob("OSMData", &block)].concat()
}
