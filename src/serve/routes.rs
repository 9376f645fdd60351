//! Which function answers which request.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post, put};
use serde_json::json;

use super::access::guard;
use super::error::Refusal;
use super::state::Shared;
use super::{RESEARCH, answer, archive, clicks, corrections, failures, files, jobs, page, runs, uploads};

/// All routes behind the guard.
pub fn routes(state: &Shared) -> Router {
    Router::new()
        .route("/", get(page::page))
        .nest(
            "/api",
            of_runs()
                .merge(of_cases())
                .merge(of_images())
                .merge(of_jobs())
                .merge(of_archive())
                .merge(of_clicks())
                .fallback(nothing)
                .layer(from_fn_with_state(state.clone(), failures::told)),
        )
        .route("/report/{key}/{*path}", get(runs::keyed))
        .fallback(get(page::page))
        // Bodies are counted where they are read.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), guard))
        .with_state(state.clone())
}

async fn nothing() -> Refusal {
    Refusal::missing("request").help("docs/serve-api.md lists them")
}

fn of_runs() -> Router<Shared> {
    Router::new()
        .route("/about", get(about))
        .route("/runs", get(runs::all))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/events", get(runs::events))
        .route("/runs/{id}/report/{*path}", get(runs::report))
        .route("/runs/{id}/plan", get(runs::plan))
        .route("/runs/{id}/start", post(runs::start))
        .route("/runs/{id}/stop", post(runs::stop))
        .route("/runs/{id}/queue", get(runs::queue))
        .route("/runs/{id}/corrections", get(corrections::all))
        .route("/runs/{id}/dataset", post(corrections::dataset))
}

fn of_cases() -> Router<Shared> {
    Router::new()
        .route("/runs/{id}/cases/{case}", get(runs::show_case))
        .route("/runs/{id}/cases/{case}/image", get(runs::image))
        .route("/runs/{id}/cases/{case}/reference", get(runs::reference))
        .route("/runs/{id}/cases/{case}/prediction", get(runs::prediction))
        .route("/runs/{id}/cases/{case}/files/{format}", get(runs::download))
        .route("/runs/{id}/cases/{case}/meshes", get(runs::meshes))
        .route("/runs/{id}/cases/{case}/meshes/about", get(runs::meshes_about))
        .route(
            "/runs/{id}/cases/{case}/correction",
            put(corrections::of_case).get(runs::correction).delete(corrections::withdraw_of_case),
        )
}

fn of_images() -> Router<Shared> {
    Router::new()
        .route("/files", get(files::list))
        .route("/files/image", get(files::about))
        .route("/files/voxels", get(files::voxels))
        .route("/uploads", get(uploads::all).post(uploads::post))
        .route("/uploads/{id}", get(uploads::get).delete(uploads::delete))
        .route("/uploads/{id}/series/{series}/voxels", get(uploads::voxels))
}

fn of_jobs() -> Router<Shared> {
    Router::new()
        .route("/jobs", get(jobs::all).post(jobs::post))
        .route("/jobs/{id}", get(jobs::one).delete(jobs::delete))
        .route("/jobs/{id}/events", get(jobs::events))
        .route("/jobs/{id}/image", get(jobs::image))
        .route("/jobs/{id}/prediction", get(jobs::prediction))
        .route("/jobs/{id}/probabilities/{place}", get(jobs::probability))
        .route("/jobs/{id}/meshes", get(jobs::meshes))
        .route("/jobs/{id}/meshes/about", get(jobs::meshes_about))
        .route("/jobs/{id}/files/{format}", get(jobs::download))
        .route("/jobs/{id}/pacs", post(jobs::send))
        .route(
            "/jobs/{id}/correction",
            put(corrections::of_job).get(jobs::correction).delete(corrections::withdraw_of_job),
        )
}

fn of_archive() -> Router<Shared> {
    Router::new()
        .route("/pacs/studies", post(archive::studies))
        .route("/pacs/studies/{study}/series", get(archive::series))
        .route("/pacs/uploads", post(uploads::fetch))
}

fn of_clicks() -> Router<Shared> {
    Router::new().route("/clicks", post(clicks::open)).route("/clicks/{id}", post(clicks::follow).delete(clicks::close))
}

/// `GET /api/about`.
async fn about(State(state): State<Shared>) -> Response {
    let settings = &state.settings;
    answer::json(&json!({
        "version": env!("CARGO_PKG_VERSION"), "allow-run": settings.allow_run, "upload-limit-bytes": settings.limits.upload,
        "keep-uploads-minutes": settings.keep_uploads.as_secs() / 60, "research": RESEARCH, "who": settings.who,
        "pacs": state.archive.is_known(), "page": page::missing().is_none(), "new-structures": true,
    }))
}
