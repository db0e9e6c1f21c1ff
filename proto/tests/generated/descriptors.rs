//! What server reflection tells: each file's descriptor, and an index of them for which nothing has to be decoded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use buffa::{Message as _, MessageField};
use buffa_codegen::generated::descriptor::{DescriptorProto, FileDescriptorProto};

/// The descriptors of these files, without comments, and the index.
pub(crate) fn files(protos: &[FileDescriptorProto]) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut index) = (BTreeMap::new(), "// @generated\n[\n".to_owned());
    for proto in protos {
        let name = name_of(proto);
        let bare = FileDescriptorProto { source_code_info: MessageField::none(), ..proto.clone() };
        let path = Path::new("descriptors").join(name).with_extension("binpb");
        let mut closure = Vec::new();
        close(protos, name, &mut closure);
        let package = proto.package.as_deref().unwrap_or_default();
        let (mut services, mut symbols) = (Vec::new(), Vec::new());
        for service in &proto.service {
            let service_name = join(package, service.name.as_deref());
            symbols.extend(service.method.iter().map(|method| join(&service_name, method.name.as_deref())));
            symbols.push(service_name.clone());
            services.push(service_name);
        }
        symbols.extend(proto.enum_type.iter().map(|kind| join(package, kind.name.as_deref())));
        proto.message_type.iter().for_each(|message| types(package, message, &mut symbols));
        symbols.sort();
        writeln!(
            index,
            "    File {{\n        name: {name:?},\n        closure: &{closure:?},\n        services: &{services:?},\n        \
             symbols: &{symbols:?},\n        descriptor: include_bytes!(\"{}\"),\n    }},",
            path.display()
        )
        .expect("a string takes everything");
        files.insert(path, bare.encode_to_vec());
    }
    index.push_str("]\n");
    files.insert("descriptors.rs".into(), index.into_bytes());
    files
}

/// This file's place in the list, then those of all that it imports.
fn close(protos: &[FileDescriptorProto], name: &str, closure: &mut Vec<usize>) {
    let place = protos.iter().position(|proto| name_of(proto) == name).expect("every import is there");
    if !closure.contains(&place) {
        closure.push(place);
        protos[place].dependency.iter().for_each(|import| close(protos, import, closure));
    }
}

fn types(scope: &str, message: &DescriptorProto, symbols: &mut Vec<String>) {
    let name = join(scope, message.name.as_deref());
    symbols.extend(message.enum_type.iter().map(|kind| join(&name, kind.name.as_deref())));
    message.nested_type.iter().for_each(|nested| types(&name, nested, symbols));
    symbols.push(name);
}

fn name_of(proto: &FileDescriptorProto) -> &str {
    proto.name.as_deref().expect("a file has a name")
}

fn join(scope: &str, name: Option<&str>) -> String {
    format!("{scope}.{}", name.expect("a declaration has a name"))
}
