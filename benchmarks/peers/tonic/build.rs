fn main() -> std::io::Result<()> {
    tonic_prost_build::configure()
        .generate_default_stubs(true)
        .type_attribute(".", "#[derive(serde::Deserialize)]")
        .compile_protos(&["order.proto"], &["."])
}
