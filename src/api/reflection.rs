//! What there is to be called: `grpc.reflection.v1.ServerReflection`, for clients that have no `.proto` files.

use ampoule_proto::descriptors::{FILES, File};
use ampoule_proto::messages::grpc::reflection::v1::server_reflection_request::MessageRequest as Question;
use ampoule_proto::messages::grpc::reflection::v1::server_reflection_response::MessageResponse as Answer;
use ampoule_proto::messages::grpc::reflection::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
    ServiceResponse,
};
use ampoule_proto::services::reflection_v1::ServerReflection;
use buffa::MessageField;
use connectrpc::{ErrorCode, InboundStream, RequestContext, Response, ServiceResult, ServiceStream};
use futures_util::StreamExt;

/// The method whose client may wait for one answer before it asks on.
pub(super) const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

pub(super) struct ReflectionApi;

impl ServerReflection for ReflectionApi {
    async fn server_reflection_info(
        &self,
        _: RequestContext,
        requests: InboundStream<ServerReflectionRequest>,
    ) -> ServiceResult<ServiceStream<ServerReflectionResponse>> {
        let answers = requests.map(|request| request.map(|request| answer(request.to_owned_message())));
        Response::ok(answers.boxed())
    }
}

fn answer(request: ServerReflectionRequest) -> ServerReflectionResponse {
    let answer = match &request.message_request {
        Some(Question::FileByFilename(name)) => file(name, |file| file.name == name),
        Some(Question::FileContainingSymbol(symbol)) => file(symbol, |file| file.symbols.contains(&symbol.as_str())),
        Some(Question::ListServices(_)) => services(),
        Some(Question::FileContainingExtension(_) | Question::AllExtensionNumbersOfType(_)) => {
            error(ErrorCode::Unimplemented, "extensions are not told".to_owned())
        }
        None => error(ErrorCode::InvalidArgument, "the request asks nothing".to_owned()),
    };
    ServerReflectionResponse {
        valid_host: request.host.clone(),
        original_request: MessageField::some(request),
        message_response: Some(answer),
    }
}

/// A file with all that it imports, so that nobody has to ask again.
fn file(wanted: &str, is_it: impl Fn(&File) -> bool) -> Answer {
    let Some(file) = FILES.iter().find(|file| is_it(file)) else {
        return error(ErrorCode::NotFound, format!("there is no {wanted:?}"));
    };
    let descriptors = file.closure.iter().map(|place| FILES[*place].descriptor.to_vec()).collect();
    FileDescriptorResponse { file_descriptor_proto: descriptors }.into()
}

fn services() -> Answer {
    let names = FILES.iter().flat_map(|file| file.services);
    let service = names.map(|name| ServiceResponse { name: (*name).to_owned() }).collect();
    ListServiceResponse { service }.into()
}

fn error(code: ErrorCode, error_message: String) -> Answer {
    let error_code = i32::try_from(code.grpc_code()).unwrap_or_default();
    ErrorResponse { error_code, error_message }.into()
}
